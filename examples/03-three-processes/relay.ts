// The relay: one domain, any number of publishers and subscribers. Its argument is the address to listen at.
import { Relay, RelayDomain } from "alphapulse";

const [, , address = "unix:///tmp/alphapulse-market.sock"] = process.argv;

const relay = new Relay({ domain: RelayDomain.MarketData });
relay.on("refused", ({ cause, peer, detail }) => console.log(`refused a message of ${peer}: ${cause}, ${detail}`));
await relay.listen(address);
console.log("listens");

process.once("SIGTERM", async () => {
  await relay.close();
  const { received, sent, lost } = relay.stats();
  console.log(`took ${received} messages, sent ${sent}, ${lost} were lost`);
});
