// @better-auth/scim on better-auth's adapter for memory; every service is a connection with a token of its own.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { scim } from "@better-auth/scim";
import { getAuthTables } from "better-auth/db";

const [port, token] = process.argv.slice(2);
const options = {
  baseURL: `http://127.0.0.1:${port}`,
  secret: "only-for-this-process-and-nothing-else",
  rateLimit: { enabled: false },
  logger: { level: "error" },
  plugins: [scim({ connections: [{ id: "proof", credentials: [{ id: "proof", token }] }] })],
};
const tables = Object.values(getAuthTables(options)).map((table) => [table.modelName, []]);
const auth = betterAuth({ ...options, database: memoryAdapter(Object.fromEntries(tables)) });
createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1");
