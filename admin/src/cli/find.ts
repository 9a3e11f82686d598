import type { PersonView } from "@badgekey/shared";
import type { Api } from "../api/index.js";
import { RefusedError } from "./io.js";

/** The one person meant by an id, a name, an e-mail address or a campus id. Throws RefusedError for none or several. */
export async function findPerson(api: Api, text: string): Promise<PersonView> {
  const found = await api.people();
  const wanted = text.toLowerCase();
  const exact = found.filter(({ id, name, email, campusId }) =>
    [id, name, email, campusId].some((value) => value?.toLowerCase() === wanted),
  );
  const people = exact.length > 0 ? exact : found.filter(({ name }) => name.toLowerCase().includes(wanted));
  const [person, ...others] = people;
  if (!person) {
    throw new RefusedError(`nobody here is called ${text}`, {
      hint: "see them all with: badgekey person list",
      code: "NOT_FOUND",
    });
  }
  if (others.length > 0) {
    const names = people.slice(0, 5).map(({ name, id }) => `${name} (${id})`);
    throw new RefusedError(`${text} could be ${names.join(", ")}`, { hint: "give the id" });
  }
  return person;
}
