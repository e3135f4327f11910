/** Imports a peer as bench/node_modules has it. This file is not compiled: it must stay in the folder of that package.json. */
export function load(name) {
  return import(name);
}
