#!/usr/bin/python3
"""cachetools, driven as ours.cpp drives MemoryStore: a TTLCache behind one lock."""
import array
import struct
import sys
import threading
import time

import cachetools

with open(sys.argv[1], "rb") as file:
    count, size, length, _ = struct.unpack("<4I", file.read(16))
    keys = [file.read(size).decode() for _ in range(count)]
    sequence = array.array("I", file.read(4 * length))
capacity, threads, mode = int(sys.argv[2]), int(sys.argv[3]), sys.argv[5]
sequence = sequence[:1_000_000]
stored = [key.encode().decode() for key in keys]
lock = threading.Lock()
totals = []


def run(cache, at):
    found = bad = 0
    for number in sequence[at:] + sequence[:at]:
        with lock:
            value = cache.get(keys[number])
            if value is None:
                cache[stored[number]] = (number, bytes(180))
        if value is not None:
            found += 1
            bad += value[0] != number
    totals.append((found, bad))


best = best_of_processor = 0
for _ in range(2):
    cache = cachetools.TTLCache(capacity, 3600)
    if mode == "gets":
        for i, key in enumerate(stored):
            cache[key] = (i, bytes(180))
    totals.clear()
    workers = [threading.Thread(target=run, args=(cache, len(sequence) // threads * t)) for t in range(threads)]
    started, processor = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    best = max(best, len(sequence) * threads / (time.perf_counter() - started))
    # One interpreter runs one thread at a time: more threads make it no faster.
    best_of_processor = max(best_of_processor, len(sequence) * threads / (time.process_time() - processor))
hits, wrong = (sum(column) for column in zip(*totals))
print(f"cachetools-ttl\t{mode}\t{threads}\t{best:.0f}\t{hits / len(sequence) / threads:.4f}\t{wrong}\t{best_of_processor:.0f}")
