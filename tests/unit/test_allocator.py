"""The C library takes the options of the allocator: what one thread has freed, the next one uses."""

import platform
import subprocess
import sys

import pytest

FREED = """
import threading
from pathlib import Path
from stream_app.operations.allocator import tune_allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

ended, keep = threading.Event(), []

def work(done):
    many = [bytes(4000) for _ in range(5000)]  # 20 MB; the newest stays, so that no heap ends below it
    keep.append(many.pop())
    del many
    done.set()
    ended.wait()

assert tune_allocator() is True
before = resident()
for _ in range(4):
    done = threading.Event()
    threading.Thread(target=work, args=(done,)).start()
    done.wait()
print((resident() - before) >> 20)
ended.set()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the options are glibc's")
def test_threads_share_one_heap() -> None:
    told = subprocess.run([sys.executable, "-c", FREED], check=True, capture_output=True, text=True, timeout=60)
    assert int(told.stdout) < 40


HOLES = """
from pathlib import Path
from stream_app.operations.allocator import give_back, tune_allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

tune_allocator()
many = [bytes(12_000) for _ in range(5000)]  # 60 MB; the newest stays, so that the heap does not end below it
newest = many.pop()
del many
before = resident()
assert give_back() is True
print((before - resident()) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the options are glibc's")
def test_free_pages_in_the_middle_of_the_heap_go_back() -> None:
    told = subprocess.run([sys.executable, "-c", HOLES], check=True, capture_output=True, text=True, timeout=60)
    assert int(told.stdout) > 40
