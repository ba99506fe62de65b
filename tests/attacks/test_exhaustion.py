"""Using up time, memory, files, processes and patience: each ends in a reason, soon."""

from tests.attacks.stage import KNOWS, SHAPE, attack
from tests.grading import class_of_students as students

OPTIONS = {"timeout": 0.4}


@attack(students.LOOP)
def test_an_endless_loop_is_stopped(mark):
    assert mark.points == 0
    assert "no value came within" in mark.message


@attack("import time\ndef position_means(values):\n    time.sleep(600)")
def test_a_long_sleep_is_stopped(mark):
    assert mark.points == 0
    assert "no value came within" in mark.message


@attack("while True: pass\ndef position_means(values):\n    return values.mean(1)")
def test_a_loop_outside_the_function_is_stopped(mark):
    assert mark.points == 0


@attack("""
import signal, threading
for number in range(1, 65):
    try: signal.signal(number, lambda *a: None)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
def position_means(values):
    threading.Event().wait()
""")
def test_blocked_signals_and_handlers_keep_nothing_alive(mark):
    assert mark.points == 0
    assert "no value came within" in mark.message


SLOW = """
class Slow{base}:
    def {method}(self, *a):
        while True: pass
def position_means(values):
    return Slow({argument})
"""


@attack(SLOW.format(base="(list)", method="__iter__", argument="[1.0, 2.0]"))
def test_a_list_that_iterates_for_ever_is_stopped(mark):
    assert mark.points == 0


@attack(SLOW.format(base="(dict)", method="items", argument="{1: 2}"))
def test_a_dictionary_without_end_is_stopped(mark):
    assert mark.points == 0


@attack(SLOW.format(base="(str)", method="__len__", argument="'x'"))
def test_a_string_that_never_tells_its_length_is_stopped(mark):
    assert mark.points == 0


@attack(SLOW.format(base="", method="__del__", argument=""))
def test_an_object_that_dies_for_ever_earns_nothing(mark):
    assert mark.points == 0


@attack("""
class Endless(Exception):
    def __str__(self):
        while True: pass
    __repr__ = __str__
def position_means(values):
    raise Endless()
""")
def test_an_exception_whose_text_never_ends_is_stopped(mark):
    assert mark.points == 0


@attack("""
import itertools
class Forever(list):
    def __iter__(self): return itertools.count()
def position_means(values):
    return Forever()
""")
def test_a_list_of_all_numbers_is_cut_off(mark):
    assert mark.points == 0


@attack(students.FORKS)
def test_a_fork_bomb_ends_with_its_job(mark):
    assert mark.points == 0


@attack("""
import threading, time
def position_means(values):
    while True:
        threading.Thread(target=time.sleep, args=(600,)).start()
""")
def test_a_thousand_threads_are_refused(mark):
    assert mark.points == 0


@attack(students.MEMORY)
def test_memory_runs_out_for_the_attacker_alone(mark):
    assert mark.points == 0
    assert "memory" in mark.message.lower()


@attack("""
import os
def position_means(values):
    held = []
    try:
        for number in range(200):
            held.append(os.memfd_create(str(number)))
            os.write(held[-1], bytes(1 << 20))
    except OSError as error:
        raise RuntimeError(f"{len(held)} files") from error
    raise RuntimeError("all files")
""")
def test_files_in_memory_that_no_limit_counts_are_refused(mark):
    assert "0 files" in mark.message


@attack("""
import os
def position_means(values):
    n = 0
    try:
        while n < 10**6:
            os.close(os.open(f"f{n}", os.O_CREAT | os.O_WRONLY))
            n += 1
    except OSError:
        pass
    raise RuntimeError(f"many files: {n > 50_000}")
""")
def test_countless_empty_files_are_stopped(mark):
    assert mark.points == 0
    assert "many files: True" not in mark.message


@attack("""
import os
def position_means(values):
    written = 0
    try:
        for n in range(1000):
            with open(f"big{n}", "wb") as file:
                for _ in range(64):
                    written += file.write(bytes(1 << 20))
    except OSError as error:
        raise RuntimeError(f"much: {written > 1 << 27}, {error}")
""")
def test_large_files_are_refused_before_the_disk_is_full(mark):
    assert mark.points == 0
    assert "much: True" not in mark.message


@attack("""
import os
def position_means(values):
    with open("sparse", "wb") as file:
        file.truncate(1 << 40)
    return values.mean(1)
""")
def test_a_sparse_file_of_a_terabyte_is_refused(mark):
    assert mark.points == 0


@attack("""
import os
def position_means(values):
    held = []
    try:
        while len(held) < 100_000:
            held += os.pipe()
    except OSError:
        pass
    raise RuntimeError(f"few: {len(held) < 1000}")
""")
def test_descriptors_are_limited(mark):
    assert "few: True" in mark.message


@attack(students.FLOOD)
def test_a_flood_of_prints_is_stopped(mark):
    assert mark.points == 0
    assert "printed over" in mark.message
    assert len(mark.printed) <= 2000


@attack("""
import os
def position_means(values):
    while True:
        for descriptor in range(1, 32):
            try: os.write(descriptor, b"x" * 65536)
            except OSError: pass
""")
def test_a_flood_on_every_descriptor_is_stopped(mark):
    assert mark.points == 0


@attack(
    KNOWS
    + """
def position_means(values):
    # Lists of lists are a few bytes to send and many to read.
    say('0 {"value": [' + '[],' * 13_000_000 + '[]]}')
    os._exit(0)
"""
)
def test_a_value_that_is_short_to_write_and_large_to_read_is_not_read(mark, played):
    assert mark.points == 0
    assert played.grown < 600 << 20


@attack("""
import os
def tried(function, *arguments):
    try:
        function(*arguments)
    except OSError:  # a tier may refuse to make it in the first place
        pass
here = os.getcwd()
for _ in range(1100):
    os.mkdir("d")
    os.chdir("d")
os.chdir(here)
os.mkdir("locked")
open("locked/file", "w").close()
tried(os.symlink, "/usr", "to-a-folder")
tried(os.symlink, "/no/such/place", "to-nothing")
tried(os.mkfifo, "pipe")
tried(os.chmod, "locked", 0)
def position_means(values):
    return values.mean(1)
""")
def test_what_is_hard_to_delete_is_gone_for_the_next_and_costs_no_points(mark):
    # Where every step of a path is looked at, 1100 levels take longer than there is time.
    assert mark.points == 3 or "no value came within" in mark.message


@attack("""
import os
def position_means(values):
    if os.path.exists("d") or os.listdir("."):
        raise RuntimeError(str(os.listdir(".")))
    return values.sum(1)
""")
def test_what_was_hard_to_delete_is_seen_by_nobody(mark):
    assert mark.points == SHAPE


def test_the_whole_class_takes_little_time_and_leaves_nothing(played):
    assert played.traces == []
    assert played.summary.problems == ()
    assert played.seconds < 90
