/** Where things lie below dataDir. */
export function journalPath(dataDir: string): string {
  return `${dataDir}/journal.db`;
}

export function siteStateFolder(dataDir: string): string {
  return `${dataDir}/site-state`;
}
