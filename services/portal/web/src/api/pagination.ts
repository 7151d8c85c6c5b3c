// Paginated lists.

/** Load all pages of a list, and return the items of all pages. */
export async function listAll<Page extends { nextPageToken: string }, Item>(
  list: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let pageToken = "";
  do {
    const page = await list(pageToken);
    items.push(...itemsOf(page));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return items;
}
