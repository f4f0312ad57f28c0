// A process for each core, as Node's documentation has it.

import cluster from "node:cluster";
import { availableParallelism } from "node:os";

cluster.setupPrimary({ exec: new URL("server.js", import.meta.url).pathname });
for (let core = 0; core < availableParallelism(); core += 1) cluster.fork();
cluster.on("exit", () => process.exit(1));
