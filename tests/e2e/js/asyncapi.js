// Reads an AsyncAPI file with the official parser and prints what is wrong, a line each: nothing when it is valid.
import { fromFile, Parser } from "@asyncapi/parser/cjs/index.js";

const ERROR = 0;
const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
const wrong = diagnostics.filter(({ severity }) => severity === ERROR);
for (const { path, message } of wrong) console.log(`${path.join(".")}: ${message}`);
if (!document && wrong.length === 0) console.log("no document");
