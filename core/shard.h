// Shard: the part of a tenant that one of several processes audits: the site collections whose
// number, taken from a hash of the collection's id, falls to it. Every process finds the same
// without talking to the others, and what was one's stays one's as long as the count stays.
//
// Threads: any; a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spa {

struct Shard {
  Shard() = default;
  Shard(int number, int count) : number(number), count(count) {}
  int number = 1, count = 1;  // The first of one: everything.

  // `site_id`: Graph's, "host,collection,web"; subsites go with their collection. An id of another
  // form counts as a collection of its own.
  bool Has(std::string_view site_id) const;
  std::string Text() const;  // "2/4"
};

// "2/4", of 1 to 1000.
std::optional<Shard> ParseShard(std::string_view text);

}  // namespace spa
