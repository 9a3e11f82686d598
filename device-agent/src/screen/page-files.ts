import { readFile, readdir } from "node:fs/promises";

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

/** The page's files by the path under which they are served; `index` has a place for the setup. */
export interface PageFiles {
  readonly index: string;
  readonly byPath: ReadonlyMap<string, PageFile>;
}

const pageFolder = new URL("../../screen-page/", import.meta.url);
/** What the compiler makes of `screen/page`; the same seen from the sources. */
const scriptFolder = new URL("../../dist/screen/page/", import.meta.url);

/**
 * Reads all files of the page once: later the loop runs, and nothing of the page touches the disk any more (SAFETY R8).
 */
export async function readPageFiles(): Promise<PageFiles> {
  const scripts = (await readdir(scriptFolder)).filter((name) => name.endsWith(".js"));
  const [index, style, ...bodies] = await Promise.all([
    readFile(new URL("index.html", pageFolder), "utf8"),
    readFile(new URL("screen.css", pageFolder)),
    ...scripts.map((name) => readFile(new URL(name, scriptFolder))),
  ]);
  const modules = scripts.map((name, place): readonly [string, PageFile] => [
    `/page/${name}`,
    { type: "text/javascript; charset=utf-8", body: bodies[place] ?? Buffer.alloc(0) },
  ]);
  return { index, byPath: new Map([["/screen.css", { type: "text/css; charset=utf-8", body: style }], ...modules]) };
}
