// ChaosStore: a second level that misbehaves: "chaos:URL" is the store of URL, where at random
//
//   an operation fails, with or without having been done, or takes its time;
//   what it returns was damaged, cut off, exchanged for another key's, or is no envelope at all.
//
// What may come of it is misses, never a wrong value.
//
// Threads: as every store.
#pragma once

#include <cstdint>

namespace spa {

// Makes "chaos:" known. `seed`: of what goes wrong in stores made from now on.
void RegisterChaos(std::uint64_t seed);

}  // namespace spa
