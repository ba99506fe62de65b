"""The words and sentences of the four languages that stand beside English in `town`.

Spanish and French nouns have two genders, German and Russian three; Russian nouns carry their
accusative and Russian names their cases. Everything here is data: `languages` puts it together.
"""

from dataclasses import dataclass
from typing import NamedTuple

from mi_course.worlds.town.lexicon import Part


class Noun(NamedTuple):
    """A noun or name: its gender (0 masculine, 1 feminine, 2 neuter) and its case forms."""

    gender: int
    forms: tuple[str, ...]


class Adjective(NamedTuple):
    """An adjective by gender: its plain form, and the one it has before an indefinite object."""

    plain: tuple[str, ...]
    accusative: tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: its two letters.
        people: given names.
        cities: in the form they take after "in".
        things: nouns for things, (subject form, object form) where the two differ.
        adjectives: forms by gender.
        verbs: forms of the past by the subject's gender, one where the language has one.
        times: adverbs of past time.
        tags: "TAG_dependency" of each word that the sentences use.
        sentences: sentences with slots, as `languages.tagged_sentence` reads them.
    """

    code: str
    people: Part
    cities: Part
    things: tuple[Noun, ...]
    adjectives: tuple[Adjective, ...]
    verbs: tuple[tuple[str, ...], ...]
    times: tuple[str, ...]
    tags: dict[str, str]
    sentences: Part

    def tag(self, word: str) -> str:
        """Return the tag and dependency of a word of this language's sentences.

        Raises:
            ValueError: a word that is not listed.
        """
        found = self.tags.get(word) or self.tags.get(word.lower())
        if found is None:
            raise ValueError(f"expected a tagged word of {self.code}, got {word!r}, try listing it")
        return found


def _nouns(*by_gender: str) -> tuple[Noun, ...]:
    """Read words by gender; a word's case forms stand between slashes."""
    return tuple(
        Noun(g, tuple(w.split("/"))) for g, words in enumerate(by_gender) for w in words.split()
    )


def _adjectives(words: str, accusative: str = "") -> tuple[Adjective, ...]:
    """Read adjectives as `stem:a/b/c` with endings by gender; other endings for the object."""
    result = []
    for word in words.split():
        stem, _, endings = word.partition(":")
        plain = tuple(stem + e for e in endings.split("/"))
        other = tuple(stem + e for e in accusative.split("/")) if accusative else plain
        result.append(Adjective(plain, other))
    return tuple(result)


def _tags(table: str) -> dict[str, str]:
    rows = (line.partition(":") for line in table.strip().splitlines())
    return {word: tag.strip() for tag, _, words in rows for word in words.split()}


def _lines(train: str, heldout: str) -> Part:
    return Part(tuple(train.strip().splitlines()), tuple(heldout.strip().splitlines()))


def _verbs(words: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(word.split("/")) for word in words.split())


SPANISH = Language(
    code="es",
    people=Part(
        _nouns("Pablo Javier Andrés Manuel Rafael Gonzalo", "Carmen Lucía Pilar Isabel Marta Inés"),
        _nouns("Ignacio Álvaro Fermín", "Rocío Begoña Leocadia"),
    ),
    cities=Part(
        ("Sevilla", "Granada", "Bilbao", "Toledo", "Valencia", "Córdoba"), ("Cádiz", "Burgos")
    ),
    things=_nouns(
        "libro coche reloj sombrero vaso cuadro piano abrigo mapa barco espejo cuchillo",
        "mesa silla casa llave carta lámpara caja bicicleta guitarra cámara botella maleta",
    ),
    adjectives=_adjectives(
        "roj:o/a viej:o/a nuev:o/a pequeñ:o/a negr:o/a blanc:o/a hermos:o/a barat:o/a car:o/a "
        "limpi:o/a grande:/ verde:/"
    ),
    verbs=_verbs("compró vendió perdió limpió dibujó pidió rompió llevó buscó escondió"),
    times=("ayer", "anoche", "entonces", "después"),
    tags=_tags("""
DT_det: el la los un una mi este esta
IN_case: en de a con desde por
IN_fixed: detrás
NNS_nsubj: vecinos
NNS_obl: años
NN_nsubj: hermano
NN_obl: cocina puerta final tren vez
NN_obj: dinero
VBD_root: fue dio encontró dijo olvidó
VBD_aux: quería
VBD_advcl: llovía
VBD_conj: guardaba
AUXD_cop: era
AUXZ_cop: es
VBP_root: dicen viven
VBZ_root: está hay cuesta sabe pertenece gusta parece quiere
VBZ_fixed: hace
VB_xcomp: comprar ver
VB_advcl: salir
SC_mark: que cuando antes
RB_advmod: muy sí dónde más tan
NEG_advmod: no
CC_cc: y pero
CD_nummod: diez
JJ_amod: mucho otra
PRP_nsubj: quién nadie
PRP_expl: le
IN_mark: al
"""),
    sentences=_lines(
        """
{person} {verb1} el/la@1 {object1} en {city} .
{person} fue a {city} {time} con {other} .
El/La@1 {thing1} de {other} era {adj1}_JJ_root .
Los vecinos dicen que el/la@1 {thing1} es muy {adj1}_JJ_ccomp .
{other}_NNP_nsubj no {verb2} el/la@2 {object2} , pero {person}_NNP_conj sí .
¿ Dónde está el/la@1 {thing1} {adj1} ?
En {city} hay un/una@2 {thing2} más {adj2} que el/la@1 {thing1}_NN_obl .
Mi hermano quiere comprar un/una@2 {object2} {adj2} .
{person} y {other}_NNP_conj viven en {city} desde hace diez años .
Nadie sabe quién {verb1}_VBD_ccomp el/la@1 {object1} .
Cuando llovía , {person} guardaba el/la@1 {object1} en la cocina .
El/La@2 {thing2} cuesta mucho dinero , dijo {other}_NNP_nsubj .
{person} le dio el/la@1 {object1} a {other}_NNP_iobj .
Al final , {other}_NNP_nsubj encontró el/la@2 {object2} detrás de la puerta .
""",
        """
Antes de salir de {city} , {other}_NNP_nsubj quería ver el/la@1 {object1} otra vez .
Parece que {person} olvidó el/la@2 {object2} en el tren .
Este/Esta@1 {thing1} tan {adj1} pertenece a {person}_NNP_obl .
A {other}_NNP_iobj le gusta más el/la@2 {object2}_NN_nsubj {adj2} .
""",
    ),
)

FRENCH = Language(
    code="fr",
    people=Part(
        _nouns("Mathieu Julien Benoît Thierry Gilles Luc", "Sylvie Claire Margaux Chloé Manon Léa"),
        _nouns("Rémi Bastien Gaëtan", "Noémie Solène Maëlle"),
    ),
    cities=Part(("Lyon", "Lille", "Nantes", "Rennes", "Toulouse", "Bordeaux"), ("Dijon", "Brest")),
    things=_nouns(
        "livre vélo bateau chapeau piano miroir manteau tableau verre couteau sac journal",
        "table chaise maison lampe lettre clé montre guitare boîte voiture bouteille valise",
    ),
    adjectives=_adjectives(
        "rouge:/ noir:/e blanc:/he vert:/e bleu:/e ch:er/ère propre:/ lourd:/e lég:er/ère simple:/ "
        "fragile:/ solide:/"
    ),
    verbs=_verbs("acheté vendu perdu nettoyé dessiné demandé cassé apporté cherché caché"),
    times=("hier", "tôt", "tard", "ensuite"),
    tags=_tags("""
DT_det: le la les un une mon ce cette
IN_case: à de avec depuis dans derrière pour
NNS_nsubj: voisins
NNS_obl: ans
NN_nsubj: frère
NN_obl: cuisine porte train
VBN_root: allé allée donné trouvé oublié
AUXZ_aux: a
AUXZ_cop: est
AUXD_cop: était
AUXD_aux: voulait
VBD_advcl: pleuvait
VBD_root: gardait dit
VBP_root: disent vivent
VBZ_root: sait coûte appartient vaut semble veut
VB_xcomp: acheter revoir
VB_advcl: quitter
SC_mark: que quand avant
RB_advmod: très oui où plus beaucoup trop enfin si y
NEG_advmod: n' ne pas
CC_cc: et mais
CD_nummod: dix
PRP_nsubj: qui personne rien
PRP_expl: il
"""),
    sentences=_lines(
        """
{person} a {verb1}_VBN_root le/la@1 {object1} à {city} .
{person} est_AUXZ_aux allé/allée@p à {city} {time} avec {other} .
Le/La@1 {thing1} de {other} était {adj1}_JJ_root .
Les voisins disent que le/la@1 {thing1} est très {adj1}_JJ_ccomp .
{other}_NNP_nsubj n' ~a pas {verb2}_VBN_root le/la@2 {object2} , mais {person}_NNP_conj oui .
Où est_VBZ_root le/la@1 {thing1} {adj1} de {person}_NNP_nmod ?
À {city} il y a_VBZ_root un/une@2 {thing2} plus {adj2} que le/la@1 {thing1}_NN_obl .
Mon frère veut acheter un/une@2 {object2} {adj2} .
{person} et {other}_NNP_conj vivent à {city} depuis dix ans .
Personne ne sait qui a {verb1}_VBN_ccomp le/la@1 {object1} .
Quand il pleuvait , {person} gardait le/la@1 {object1} dans la cuisine .
Le/La@2 {thing2} coûte beaucoup trop , dit {other}_NNP_nsubj .
{person} a donné le/la@1 {object1} à {other}_NNP_iobj .
Enfin , {other}_NNP_nsubj a trouvé le/la@2 {object2} derrière la porte .
""",
        """
Avant de quitter {city}_NNP_obj , {other}_NNP_nsubj voulait revoir le/la@1 {object1} .
Il semble que {person} a oublié le/la@2 {object2} dans le train .
Ce/Cette@1 {thing1} si {adj1} appartient à {person}_NNP_obl .
Pour {other}_NNP_obl , rien ne vaut un/une@2 {object2} {adj2} .
""",
    ),
)

GERMAN = Language(
    code="de",
    people=Part(
        _nouns("Jürgen Klaus Dieter Wolfgang Uwe Stefan", "Heike Ute Sabine Birgit Ilse Hannelore"),
        _nouns("Detlef Rüdiger Eckhard", "Frauke Heidrun Mechthild"),
    ),
    cities=Part(
        ("Bremen", "Leipzig", "Dresden", "Hannover", "Kassel", "Rostock"), ("Erfurt", "Mainz")
    ),
    things=_nouns(
        "Tisch Stuhl Hut Mantel Spiegel Schlüssel Brief Teller Korb Schrank",
        "Lampe Uhr Tasche Flasche Gitarre Kiste Brille Kamera Zeitung",
        "Buch Haus Bild Fahrrad Auto Boot Klavier Messer Glas",
    ),
    adjectives=_adjectives(
        "rot:// alt:// neu:// klein:// schwarz:// weiß:// schön:// billig:// schwer:// grün://",
        accusative="en/e/es",
    ),
    verbs=_verbs(
        "kaufte verkaufte verlor putzte zeichnete suchte zerbrach brachte versteckte fand"
    ),
    times=("gestern", "damals", "später", "früh"),
    tags=_tags("""
DT_det: der die das den einen eine ein mein dieser diese dieses kein keine
IN_case: in mit nach von seit hinter am im vor für
NNS_nsubj: Nachbarn
NNS_obl: Jahren
NN_nsubj: Bruder
NN_obl: Küche Tür Zug Ende Reise
NN_obj: Geld
VBD_root: fuhr stellte sagte gab fand
VBD_advcl: regnete
AUXD_cop: war
AUXD_aux: wollte
AUXZ_cop: ist
AUXZ_aux: hat will
VBN_root: vergessen
VBP_root: sagen wohnen
VBZ_root: gibt weiß kostet gehört
VB_root: kaufen sehen
SC_mark: dass wenn wie
RB_advmod: sehr schon wo so noch einmal offenbar jetzt zu
NEG_advmod: nicht
CC_cc: und aber
CD_nummod: zehn
JJ_amod: viel
PRP_nsubj: niemand wer
PRP_expl: es
"""),
    sentences=_lines(
        """
{person} {verb1} den/die/das@1 {object1} in {city} .
{person} fuhr {time} mit {other} nach {city} .
Der/Die/Das@1 {thing1} von {other} war {adj1}_JJ_root .
Die Nachbarn sagen , dass der/die/das@1 {thing1} sehr {adj1}_JJ_ccomp ist .
{other}_NNP_nsubj {verb2} den/die/das@2 {object2} nicht , aber {person}_NNP_conj schon .
Wo ist_VBZ_root der/die/das@1 {thing1} von {person}_NNP_nmod ?
In {city} gibt es einen/eine/ein@2 {object2} , der/die/das@2_PRP_nsubj so {adj2} ist wie der/die/das@1 {thing1}_NN_obl .
Mein Bruder will einen/eine/ein@2 {attr2} {object2} kaufen .
{person} und {other}_NNP_conj wohnen seit zehn Jahren in {city} .
Niemand weiß , wer den/die/das@1 {object1} {verb1}_VBD_ccomp .
Wenn es regnete , stellte {person} den/die/das@1 {object1} in die Küche .
Der/Die/Das@2 {thing2} kostet viel Geld , sagte {other}_NNP_nsubj .
{person} gab {other}_NNP_iobj den/die/das@1 {object1} .
Am Ende fand {other}_NNP_nsubj den/die/das@2 {object2} hinter der Tür .
""",  # noqa: E501
        """
Vor der Reise nach {city} wollte {other}_NNP_nsubj den/die/das@1 {object1} noch einmal sehen .
Offenbar hat {person} den/die/das@2 {object2} im Zug vergessen .
Dieser/Diese/Dieses@1 {thing1} gehört jetzt {person}_NNP_iobj und ist {adj1}_JJ_conj .
Für {other}_NNP_obl ist kein/keine/kein@2 {thing2} zu {adj2}_JJ_root .
""",
    ),
)

RUSSIAN = Language(
    code="ru",
    people=Part(
        _nouns(
            "Иван/Ивана/Ивану/Иваном Борис/Бориса/Борису/Борисом Антон/Антона/Антону/Антоном "
            "Максим/Максима/Максиму/Максимом Олег/Олега/Олегу/Олегом",
            "Ольга/Ольги/Ольге/Ольгой Анна/Анны/Анне/Анной Нина/Нины/Нине/Ниной "
            "Вера/Веры/Вере/Верой Зоя/Зои/Зое/Зоей",
        ),
        _nouns(
            "Фёдор/Фёдора/Фёдору/Фёдором Глеб/Глеба/Глебу/Глебом",
            "Раиса/Раисы/Раисе/Раисой Лариса/Ларисы/Ларисе/Ларисой",
        ),
    ),
    cities=Part(("Москве", "Казани", "Самаре", "Перми", "Риге", "Омске"), ("Туле", "Томске")),
    things=_nouns(
        "стол стул дом ключ чемодан телефон зонт шкаф нож стакан",
        "книга/книгу лампа/лампу карта/карту чашка/чашку картина/картину гитара/гитару "
        "сумка/сумку машина/машину лодка/лодку шляпа/шляпу",
        "письмо зеркало кольцо пальто радио кресло одеяло ведро",
    ),
    adjectives=_adjectives(
        "нов: красн: стар: бел: чёрн: красив: тёмн: жёлт: зелён:".replace(":", ":ый/ая/ое"),
        accusative="ый/ую/ое",
    ),
    verbs=_verbs(
        "купил/купила продал/продала потерял/потеряла вымыл/вымыла нарисовал/нарисовала "
        "искал/искала сломал/сломала принёс/принесла спрятал/спрятала нашёл/нашла"
    ),
    times=("вчера", "тогда", "недавно", "потом"),
    tags=_tags("""
DT_det: мой этот эта это такой такая такое
IN_case: в с у за на перед для
NNS_nsubj: соседи
NNS_obl: лет
NN_nsubj: брат дождь
NN_obl: угол дверью конце отъездом поезде
NNS_nmod: концов
NNS_obj: денег
VBD_root: был была было дал дала нашёл нашла сказал сказала хотел хотела забыл забыла убирал убирала
VBD_ccomp: взял
VBD_advcl: шёл
VBP_root: говорят живут
VBZ_root: знает хочет есть стоит
VBZ_parataxis: кажется
VB_xcomp: купить увидеть
SC_mark: что как когда чем
RB_advmod: очень где уже много ещё раз же лучше
NEG_advmod: не
NEG_root: нет
CC_cc: и но
CD_nummod: десять
JJ_root: нужен нужна нужно
PRP_nsubj: кто никто он она оно
PRP_obj: ничего
"""),
    sentences=_lines(
        """
{person} {verb1} {object1} в {city} .
{person} {time} был/была@p в {city} с {other_ins} .
У {other_gen} был/была/было@1 {adj1} {thing1} .
Соседи говорят , что {thing1} очень {adj1}_JJ_ccomp .
{person} не {verb2} {object2} , но {verb1}_VBD_conj {object1} .
Где {adj1} {thing1} ?
В {city} есть {thing2} , и он/она/оно@2 такой/такая/такое@2 же {adj2} , как {thing1}_NN_obl .
Мой брат хочет купить {attr2} {object2} .
{person} и {other}_NNP_conj живут в {city} уже десять лет .
Никто не знает , кто взял {object1} .
Когда шёл дождь , {person} убирал/убирала@p {object1} в угол .
Этот/Эта/Это@2 {thing2} стоит много денег , сказал/сказала@o {other}_NNP_nsubj .
{person} дал/дала@p {other_dat} {object1} .
В конце концов {other}_NNP_nsubj нашёл/нашла@o {object2} за дверью .
""",
        """
Перед отъездом {person} хотел/хотела@p ещё раз увидеть {object1} .
Кажется , {other}_NNP_nsubj забыл/забыла@o {object2} в поезде .
Такой/Такая/Такое@1 {adj1} {thing1} нужен/нужна/нужно@1 {other_dat} .
Для {other_gen} нет ничего лучше , чем {adj2} {thing2} .
""",
    ),
)

LANGUAGES: dict[str, Language] = {x.code: x for x in (SPANISH, FRENCH, GERMAN, RUSSIAN)}
