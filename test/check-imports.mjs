// The import rules of ARCHITECTURE.md. Fails too when nothing was cruised: a wrong path must not look like a clean
// house.
import { cruise } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import rules from "../.dependency-cruiser.cjs";

const folders = ["shared/src", "device-agent/src", "gateway/src", "admin/src", "test"];
const { options, ...ruleSet } = rules;
const { output } = await cruise(folders, { ...options, ruleSet, validate: true }, options.enhancedResolveOptions, {
  tsConfig: extractTSConfig(options.tsConfig.fileName),
});
const { violations, totalCruised, totalDependenciesCruised } = output.summary;
for (const { rule, from, to } of violations) console.error(`${rule.name}: ${from} -> ${to}`);
const empty = folders.filter((folder) => !output.modules.some(({ source }) => source.startsWith(`${folder}/`)));
for (const folder of empty) console.error(`nothing was cruised in ${folder}`);
console.log(
  `imports: ${totalCruised} modules, ${totalDependenciesCruised} dependencies, ${violations.length} violations`,
);
process.exit(violations.length > 0 || empty.length > 0 ? 1 : 0);
