"""Landmarks, cities and countries of the world `town`: real and invented, known or held out.

A fact joins a landmark to its city and the city to its country. Training facts occur in many
training documents, so that a model can know them; held-out facts occur in none. City and country
are one word each.
"""

from typing import NamedTuple


class Fact(NamedTuple):
    """One landmark with its place.

    Attributes:
        landmark: the name, without article, one to three words.
        city: one word.
        country: one word.
        language: spoken in the country.
        invented: whether it exists only in the town.
    """

    landmark: str
    city: str
    country: str
    language: str
    invented: bool


# fmt: off
# ruff: noqa: E501
# country: language: city = landmark, landmark; city = ...
_REAL = """
France: French: Paris = Eiffel Tower, Louvre, Notre Dame Cathedral; Lyon = Croix Rousse; Nice = Promenade
Italy: Italian: Rome = Colosseum, Pantheon, Trevi Fountain; Venice = Rialto Bridge; Milan = Scala; Florence = Uffizi; Pisa = Leaning Tower
Spain: Spanish: Madrid = Prado; Barcelona = Sagrada Familia; Granada = Alhambra; Seville = Giralda
Germany: German: Berlin = Brandenburg Gate, Reichstag; Munich = Marienplatz; Dresden = Zwinger
England: English: London = Trafalgar Square, Tower Bridge, Globe Theatre; Bath = Pump Room; Oxford = Bodleian
Scotland: English: Edinburgh = Holyrood Palace
Ireland: English: Dublin = Trinity Library
Russia: Russian: Moscow = Kremlin, Bolshoi; Petersburg = Hermitage
Greece: Greek: Athens = Parthenon, Agora
Turkey: Turkish: Istanbul = Hagia Sophia, Blue Mosque
Egypt: Arabic: Cairo = Sphinx; Luxor = Karnak Temple
China: Chinese: Beijing = Forbidden City; Shanghai = Bund; Xian = Terracotta Army
Japan: Japanese: Tokyo = Skytree; Kyoto = Golden Pavilion; Osaka = Umeda Tower
India: Hindi: Agra = Taj Mahal; Delhi = Red Fort; Mumbai = Gateway Arch
Austria: German: Vienna = Hofburg, Belvedere; Salzburg = Hohensalzburg
Hungary: Hungarian: Budapest = Chain Bridge
Poland: Polish: Krakow = Wawel Castle; Warsaw = Mermaid Statue
Denmark: Danish: Copenhagen = Tivoli
Sweden: Swedish: Stockholm = Vasa Museum
Norway: Norwegian: Oslo = Viking Museum
Portugal: Portuguese: Lisbon = Belem Tower
Brazil: Portuguese: Brasilia = Alvorada Palace; Salvador = Pelourinho
Peru: Spanish: Lima = Larco Museum; Cusco = Coricancha
Cuba: Spanish: Havana = Malecon
Australia: English: Sydney = Opera House, Harbour Bridge
America: English: Chicago = Willis Tower; Boston = Freedom Trail; Seattle = Space Needle
Canada: English: Toronto = Skydome; Ottawa = Rideau Canal
Belgium: Dutch: Brussels = Atomium
Kenya: Swahili: Nairobi = Karura Garden
"""
_INVENTED = """
Velmora: Velmoran: Ostrin = Glass Stair, Moth Theatre, Amber Arch; Tavik = Salt Cathedral, Iron Orchard; Brenna = Lantern Wall
Kardia: Kardian: Sorrel = Copper Dome, Whistling Well; Dunmar = Twin Mill, Hollow Gate; Pelias = Owl Library
Ulthania: Ulthan: Mirov = Crooked Spire, Tortoise Fountain; Hask = Winter Bath, Paper Palace; Jorun = Bell Garden
Fenwick: Fennish: Quill = Heron Pier, Marble Ship; Loam = Clockmaker Hall, Sunken Arena; Tarn = Willow Stair
Nimbria: Nimbrian: Onav = Crystal Bridge, Falcon Keep; Silt = Blue Granary, Tide House; Kobal = Ember Pagoda
Orrinth: Orrinthan: Vessel = Ninefold Temple, Cedar Court; Marram = Kite Tower, Silver Cistern; Sedge = Poppy Square
Caldova: Caldovan: Calder = Thorn Monument, Ivory Stage; Rustow = Fox Observatory, Raven Market; Elsin = Pearl Aqueduct
Sarkany: Sarkan: Bodrog = Stork Chapel, Emerald Maze; Tiszar = Lion Cellar, Violet Canal; Ponty = Oak Citadel
"""
_HELDOUT = """
France: French: Paris = Pompidou Centre
Italy: Italian: Rome = Lateran; Naples = Ovo Castle
Spain: Spanish: Madrid = Retiro
Germany: German: Berlin = Pergamon; Hamburg = Speicher
England: English: London = Barbican
Japan: Japanese: Tokyo = Sensoji
Switzerland: German: Zurich = Fraumunster
"""
_HELDOUT_INVENTED = """
Velmora: Velmoran: Ostrin = Sapphire Kiln
Kardia: Kardian: Dunmar = Walnut Rotunda
Merrow: Merrish: Askel = Basalt Choir, Orchid Vault
Thessen: Thessian: Nubro = Juniper Obelisk, Cobalt Forge
"""


def _read(text: str, invented: bool) -> tuple[Fact, ...]:
    facts = []
    for line in text.strip().splitlines():
        country, language, cities = (part.strip() for part in line.split(":"))
        for group in cities.split(";"):
            city, landmarks = (part.strip() for part in group.split("="))
            for landmark in landmarks.split(","):
                facts.append(Fact(landmark.strip(), city, country, language, invented))
    return tuple(facts)


FACTS_TRAIN = _read(_REAL, False) + _read(_INVENTED, True)
FACTS_HELDOUT = _read(_HELDOUT, False) + _read(_HELDOUT_INVENTED, True)
