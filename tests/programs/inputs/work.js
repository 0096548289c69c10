// Objects, buffers, workers and compression.
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const zlib = require('zlib');
const crypto = require('crypto');

function work(seed) {
  const groups = new Map();
  for (let i = 0; i < 60000; i++) {
    const key = `key ${(i * 7919 + seed) % 1009}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push({ i, text: key.repeat(1 + (i % 3)) });
  }
  const text = JSON.stringify([...groups.entries()].sort());
  const packed = zlib.gzipSync(text);
  const same = zlib.gunzipSync(packed).toString() === text;
  return `${text.length} ${crypto.createHash('md5').update(text).digest('hex')} ${same}`;
}

if (isMainThread) {
  console.log(work(0));
  const results = [];
  for (let i = 1; i <= 3; i++) {
    new Worker(__filename, { workerData: i }).on('message', (text) => {
      results[i] = text;
      if (results.filter(Boolean).length === 3) console.log(results.slice(1).join('\n'));
    });
  }
} else {
  parentPort.postMessage(work(workerData));
}
