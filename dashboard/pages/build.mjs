// Bundles the pages into dist/: files with a hash in their names, each with a .gz beside it.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

const common = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  write: false,
};

/** Every file is compressed once, here, as hard as gzip can. */
async function put(name, content) {
  await writeFile(`dist/${name}`, content);
  await writeFile(`dist/${name}.gz`, gzipSync(content, { level: 9 }));
}

async function buildPages() {
  const result = await build({
    ...common,
    entryPoints: { app: "src/app.tsx", style: "src/style.css" },
    outdir: "dist",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    splitting: true,
  });
  const names = [];
  for (const file of result.outputFiles) {
    names.push(basename(file.path));
    await put(basename(file.path), file.contents);
  }
  const find = (start, end) => names.find((one) => one.startsWith(start) && one.endsWith(end));
  const page = await readFile("src/index.html", "utf8");
  await put(
    "index.html",
    page.replace("{script}", find("app-", ".js")).replace("{style}", find("style-", ".css")),
  );
}

/** One file that opens from disk: its scripts and styles are inside, and named by their hashes. */
async function buildVerifier() {
  const make = async (entry) => {
    const result = await build({ ...common, format: "iife", entryPoints: [entry], outdir: "dist" });
    return result.outputFiles[0].text.trim();
  };
  const script = await make("src/verify_page.ts");
  const style = await make("src/verify_page.css");
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const page = await readFile("src/verify.html", "utf8");
  const filled = page
    .replace("{policy}", `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}`)
    .replace("{style}", () => style)
    .replace("{script}", () => script);
  await put("verify.html", filled);
}

await rm("dist", { recursive: true, force: true });
await mkdir("dist");
await buildPages();
await buildVerifier();
