// scimmy with scimmy-routers on a table in memory; the first part of a path is a service of its own.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);
const services = new Map();
const users = (service) => services.get(service) ?? services.set(service, new Map()).get(service);
const same = (one, other) => one?.toLowerCase() === other?.toLowerCase();

function missing(id) {
  return new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
}

SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .ingress((resource, data, service) => {
    const table = users(service);
    const id = resource.id ?? randomUUID();
    if (resource.id && !table.has(id)) throw missing(id);
    for (const other of table.values())
      if (other.id !== id && same(other.userName, data.userName))
        throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
    const { schemas, password, ...kept } = JSON.parse(JSON.stringify(data));
    table.set(id, { ...kept, id });
    return table.get(id);
  })
  .egress((resource, service) => {
    const table = users(service);
    if (!resource.id) return resource.filter ? resource.filter.match([...table.values()]) : [...table.values()];
    if (!table.has(resource.id)) throw missing(resource.id);
    return table.get(resource.id);
  })
  .degress((resource, service) => {
    if (!users(service).delete(resource.id)) throw missing(resource.id);
  });

const groups = (service) => users(`groups of ${service}`);

SCIMMY.Resources.declare(SCIMMY.Resources.Group)
  .ingress((resource, data, service) => {
    const table = groups(service);
    const id = resource.id ?? randomUUID();
    if (resource.id && !table.has(id)) throw missing(id);
    for (const other of table.values())
      if (other.id !== id && same(other.displayName, data.displayName))
        throw new SCIMMY.Types.Error(409, "uniqueness", "displayName is taken");
    const { schemas, ...kept } = JSON.parse(JSON.stringify(data));
    table.set(id, { ...kept, id });
    return table.get(id);
  })
  .egress((resource, service) => {
    const table = groups(service);
    if (!resource.id) return resource.filter ? resource.filter.match([...table.values()]) : [...table.values()];
    if (!table.has(resource.id)) throw missing(resource.id);
    return table.get(resource.id);
  })
  .degress((resource, service) => {
    if (!groups(service).delete(resource.id)) throw missing(resource.id);
  });

const app = express();
app.use("/:service/v2", (request, _, next) => {
  request.service = request.params.service;
  next();
}, new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("wrong token");
    return "sync";
  },
  context: (request) => request.service,
}));
app.listen(Number(port), "127.0.0.1");
