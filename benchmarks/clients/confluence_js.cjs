// Publishes a page with a file through confluence.js: host, API prefix, credentials and what to publish are in the argument.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');

const job = JSON.parse(process.argv[2]);
const { ConfluenceClient } = createRequire(`${job.installed}/`)('confluence.js');
const client = new ConfluenceClient({ host: job.host, apiPrefix: job.prefix, authentication: job.authentication });

async function publishPage() {
  const body = { storage: { value: job.body, representation: 'storage' } };
  const page = { type: 'page', title: job.title, space: { key: job.space }, body };
  const { results } = await client.content.getContent({ spaceKey: job.space, title: job.title, expand: ['version'] });
  if (results.length === 0) return (await client.content.createContent(page)).id;
  const [{ id, version }] = results;
  await client.content.updateContent({ id, ...page, version: { number: version.number + 1 } });
  return id;
}

// Data Center has one call for a new file and one for a new version.
async function publishFile(id) {
  const file = { file: readFileSync(job.file), filename: job.filename, contentType: 'image/png', minorEdit: true };
  const { contentAttachments } = client;
  const { results } = await contentAttachments.getAttachments({ id, filename: job.filename });
  if (results.length === 0) return contentAttachments.createAttachments({ id, attachments: [file] });
  return contentAttachments.updateAttachmentData({ id, attachmentId: results[0].id, attachment: file });
}

(async () => {
  await publishFile(await publishPage());
})().catch((error) => {
  console.error(typeof error === 'object' && !(error instanceof Error) ? JSON.stringify(error) : error);
  process.exit(1);
});
