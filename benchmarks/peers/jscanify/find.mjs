// Finds papers with jscanify's own code for the browser, in node. In: frames on stdin, each width and height as uint32le,
// then RGBA. Out: a line of JSON a frame, corners or null and milliseconds; the first line says ready.
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";

const require = createRequire(import.meta.url);
const cv = require("./node_modules/jscanify/src/opencv.js");
if (!cv.Mat) await new Promise((done) => { cv.onRuntimeInitialized = done; });
globalThis.cv = cv;
const scanner = new (require("./node_modules/jscanify/src/jscanify.js"))();

function find(width, height, data) {
  const started = performance.now();
  const picture = cv.matFromImageData({ data, width, height });
  let corners = null;
  const contour = scanner.findPaperContour(picture);
  if (contour) {
    const found = scanner.getCornerPoints(contour);
    const four = [found.topLeftCorner, found.topRightCorner, found.bottomRightCorner, found.bottomLeftCorner];
    if (four.every(Boolean)) corners = four.map((point) => [point.x, point.y]);
    contour.delete();
  }
  picture.delete();
  return { corners, ms: performance.now() - started };
}

console.log(JSON.stringify({ ready: true }));
let pieces = [], held = 0, wanted = 0;
for await (const chunk of process.stdin) {
  pieces.push(chunk);
  held += chunk.length;
  if (!wanted && held >= 8) {
    pieces = [Buffer.concat(pieces)];
    wanted = 8 + pieces[0].readUInt32LE(0) * pieces[0].readUInt32LE(4) * 4;
  }
  if (wanted && held >= wanted) {
    const all = Buffer.concat(pieces);
    console.log(JSON.stringify(find(all.readUInt32LE(0), all.readUInt32LE(4), new Uint8ClampedArray(all.subarray(8, wanted)))));
    pieces = [all.subarray(wanted)];
    held = pieces[0].length;
    wanted = 0;
  }
}
