"""Objects, text, threads, processes and C extensions."""
import bz2
import concurrent.futures
import hashlib
import json
import multiprocessing
import re
import sqlite3
import subprocess
import sys
import threading
import zlib


def square(n):
    return sum(i * i for i in range(n))


def main():
    rows = [{"id": i, "name": f"name {i * 7919 % 10007}", "tags": [str(j) for j in range(i % 7)]}
            for i in range(30000)]
    text = json.dumps(rows)
    print(len(text), hashlib.md5(text.encode()).hexdigest(), json.loads(text) == rows)
    print(len(re.findall(r'"name (\d+)"', text)), len(set(text.split(", "))))
    print(len(zlib.compress(text.encode())), len(bz2.compress(text.encode()[:300000])))
    database = sqlite3.connect(":memory:")
    database.execute("create table t(id, name)")
    database.executemany("insert into t values(:id, :name)", rows)
    print(database.execute("select count(distinct name), max(length(name)) from t").fetchone())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(sum(pool.map(lambda n: len("x" * n + str(n)), range(5000))))
    with multiprocessing.Pool(3) as pool:
        print(sum(pool.map(square, range(300))))
    done = [subprocess.run([sys.executable, "-c", f"print({i} ** 3)"], capture_output=True, text=True,
                           check=True).stdout.strip() for i in range(5)]
    print(done)
    results = []
    threads = [threading.Thread(target=lambda: results.append(len(bytearray(10 ** 6)))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(results))


if __name__ == "__main__":
    main()
