// What `./delea up` was asked for.
import { parseArgs } from "node:util";
import { fail } from "./fail.mjs";

export function readOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        port: { type: "string", default: "8080" },
        "chain-port": { type: "string", default: "8545" },
        "rpc-url": { type: "string" },
        reset: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    fail(`${error.message.split("\n")[0]}; see ./delea help`);
  }
  const port = (name) => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1 || number > 65535) fail(`--${name} must be 1 to 65535, not "${values[name]}"`);
    return number;
  };
  if (values["rpc-url"] !== undefined && !URL.canParse(values["rpc-url"])) {
    fail(`--rpc-url must be an address such as http://127.0.0.1:8545, not "${values["rpc-url"]}"`);
  }
  return { port: port("port"), chainPort: port("chain-port"), rpcUrl: values["rpc-url"], reset: values.reset };
}
