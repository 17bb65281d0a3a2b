// SCIMMY and its routers with users in memory. Usage: node scimmy.mjs PORT
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const users = new Map();
const taken = (user) => [...users.values()].some((one) => one.id !== user.id && one.userName.toLowerCase() === user.userName.toLowerCase());

SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .ingress((request, user) => {
    const kept = {...(request.id ? users.get(request.id) : {}), ...JSON.parse(JSON.stringify(user)), id: request.id ?? randomUUID()};
    if (request.id && !users.has(request.id)) throw new SCIMMY.Types.Error(404, null, "no such user");
    if (taken(kept)) throw new SCIMMY.Types.Error(409, "uniqueness", "the name is taken");
    users.set(kept.id, kept);
    return kept;
  })
  .egress((request) => {
    if (!request.id) return [...users.values()];
    if (!users.has(request.id)) throw new SCIMMY.Types.Error(404, null, "no such user");
    return users.get(request.id);
  })
  .degress((request) => { users.delete(request.id); });

const app = express();
app.use("/scim", new SCIMMYRouters({type: "bearer", docUri: "https://example.com", handler: () => "proof", baseUri: () => `http://127.0.0.1:${process.argv[2]}/scim`}));
app.listen(Number(process.argv[2]), "127.0.0.1");
