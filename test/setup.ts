import fc from "fast-check";

// One seed for all properties, so that the suite gives the same each time; each also asserts that it reached what it is
// about. `FC_SEED=random npm test` explores, and a failure says the seed that shows it again.
const { FC_SEED = "20241108" } = process.env;
if (FC_SEED !== "random") fc.configureGlobal({ seed: Number(FC_SEED) });
