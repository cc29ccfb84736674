// Sends what Immich's server sends, with what it sends it with: node's own fetch, FormData and Blob.
// node immich_client.mjs URL PHOTO MODEL MIN_SCORE: prints the status and the answer as JSON.
import { readFile } from 'node:fs/promises';

const [url, photo, modelName, minScore] = process.argv.slice(2);
const entries = {
  'facial-recognition': {
    detection: { modelName, options: { minScore: Number(minScore) } },
    recognition: { modelName },
  },
};
const ping = await fetch(new URL('/ping', url), { signal: AbortSignal.timeout(2000) });
const body = new FormData();
body.append('entries', JSON.stringify(entries));
body.append('image', new Blob([await readFile(photo)]));
const response = await fetch(new URL('/predict', url), { method: 'POST', body });
console.log(JSON.stringify({ ping: ping.ok, status: response.status, answer: await response.json() }));
