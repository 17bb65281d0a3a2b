// Publishes a page with a file through confluence.js 3: pages through API v2, the file through API v1.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const job = JSON.parse(process.argv[2]);
const { createV1Client, createV2Client } = await import(
  pathToFileURL(`${job.installed}/node_modules/confluence.js/dist/index.js`)
);
const settings = { host: job.host, auth: job.authentication };
const v1 = createV1Client(settings);
const v2 = createV2Client(settings);

async function publishPage() {
  const { results: spaces } = await v2.space.getSpaces({ keys: [job.space] });
  const page = { spaceId: spaces[0].id, title: job.title, status: 'current', body: { representation: 'storage', value: job.body } };
  const { results } = await v2.page.getPages({ spaceId: [page.spaceId], title: job.title });
  if (results.length === 0) return (await v2.page.createPage({ body: page })).id;
  const [{ id, version }] = results;
  await v2.page.updatePage({ id, body: { id, ...page, version: { number: version.number + 1 } } });
  return id;
}

try {
  const id = await publishPage();
  const file = { filename: job.filename, content: readFileSync(job.file) };
  await v1.contentAttachments.createOrUpdateAttachments({ id, attachments: [file] });
} catch (error) {
  console.error(error);
  process.exit(1);
}
