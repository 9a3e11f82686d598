/**
 * Who may import what: ARCHITECTURE.md, "Imports". `npm run check` also makes sure that something was cruised at all.
 */

module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "shared-stands-alone",
      severity: "error",
      from: { path: "^shared/src" },
      to: { path: "^(gateway|device-agent|admin|test)/" },
    },
    {
      name: "shared-runs-anywhere",
      severity: "error",
      from: { path: "^shared/src", pathNot: "^shared/src/(crypto|inflate)/native\\.ts$|\\.test\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "not-sideways",
      severity: "error",
      from: { path: "^(gateway|device-agent|admin)/src" },
      to: { path: "^(gateway|device-agent|admin|test)/", pathNot: "^$1/" },
    },
    {
      name: "pure-interlock-and-tap",
      severity: "error",
      from: { path: "^device-agent/src/(interlock|tap)/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^(shared/|device-agent/src/(interlock|tap)/)" },
    },
    {
      name: "drivers-behind-ports",
      severity: "error",
      from: { path: "^device-agent/src/agent[^/]*\\.ts$", pathNot: "\\.test\\.ts$" },
      to: { path: "^device-agent/src/(hardware|journal|uplink|site-state)/", dependencyTypesNot: ["type-only"] },
    },
    {
      // SAFETY R8: a disk that stalls must not stall the loop.
      name: "loop-never-waits-for-files",
      severity: "error",
      from: {
        path: "^device-agent/src/(agent[^/]*|(presentation|screen|uplink|site-state|commands)/.+|journal/journal|hardware/(open-lines|relay-holder|relay-holder-link|holder-[^/]*|pcsc-[^/]*))\\.ts$",
        pathNot: "\\.test\\.ts$|-process\\.ts$|-worker\\.ts$",
      },
      to: { path: "^(node:)?fs$|node_modules/better-sqlite3/" },
    },
    {
      name: "use-cases-know-no-edge",
      severity: "error",
      from: { path: "^gateway/src/(issuing|site-state|machines|people|usage|commands)/", pathNot: "\\.test\\.ts$" },
      to: { path: "^gateway/src/(http|broker)/" },
    },
    {
      name: "cli-and-web-apart",
      severity: "error",
      from: { path: "^admin/src/cli/" },
      to: { path: "^admin/src/(web|demo)/" },
    },
    {
      name: "tests-use-public-entries",
      severity: "error",
      from: { path: "^test/" },
      to: { path: "^(shared|gateway|device-agent|admin)/src/" },
    },
    {
      name: "no-orphans",
      severity: "error",
      from: {
        orphan: true,
        pathNot:
          "\\.(test|d)\\.ts$|/(main|index)\\.ts$|-process\\.ts$|-worker\\.ts$|(vitest|stryker)\\.config\\.(ts|mjs)$",
      },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
