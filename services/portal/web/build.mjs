// Builds the pages into the Python package that serves them. The names of the assets contain hashes, so that browsers
// can cache the assets permanently.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";

const out = "../src/proctorium_portal/pages";

execFileSync("node", ["generate.mjs"], { stdio: "inherit" });
rmSync(out, { recursive: true, force: true });
mkdirSync(`${out}/assets`, { recursive: true });
const result = await build({
  entryPoints: ["src/main.tsx", "src/style.css"],
  outdir: `${out}/assets`,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  sourcemap: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  metafile: true,
  legalComments: "linked",
});
const built = Object.keys(result.metafile.outputs).map((path) => basename(path));
const script = built.find((name) => /^main-.*\.js$/.test(name));
const style = built.find((name) => /^style-.*\.css$/.test(name));
const page = readFileSync("src/index.html", "utf-8")
  .replace("{script}", `/assets/${script}`)
  .replace("{style}", `/assets/${style}`);
writeFileSync(`${out}/index.html`, page);
// The file of the service worker always has the same name. Its content includes the names of the assets, so that
// browsers recognise a new build as a new service worker.
await build({
  entryPoints: ["src/offline/service-worker.ts"],
  outfile: `${out}/sw.js`,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  define: { ASSETS: JSON.stringify([`/assets/${script}`, `/assets/${style}`]) },
});
