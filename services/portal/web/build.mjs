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
  chunkNames: "[name]-[hash]",
  // The catalogue of each language is a file of its own.
  splitting: true,
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
const { outputs } = result.metafile;
const script = Object.keys(outputs).find((path) => outputs[path].entryPoint === "src/main.tsx");
const style = `/assets/${basename(Object.keys(outputs).find((path) => path.endsWith(".css")))}`;
// The assets of the shell. The page of the design system is not part of it.
const assets = Object.keys(outputs)
  .filter((path) => path.endsWith(".js") && !outputs[path].entryPoint?.startsWith("src/features/"))
  .map((path) => `/assets/${basename(path)}`)
  .concat(style);
const preloads = outputs[script].imports
  .filter(({ kind }) => kind === "import-statement")
  .map(({ path }) => `<link rel="modulepreload" href="/assets/${basename(path)}" />`);
const page = readFileSync("src/index.html", "utf-8")
  .replace("{script}", `/assets/${basename(script)}`)
  .replace("{style}", style)
  .replace("{preloads}", preloads.join("\n    "));
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
  define: { ASSETS: JSON.stringify(assets) },
});
