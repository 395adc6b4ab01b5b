// What every Store promises (cache/store.h), as one suite that runs over all of them:
//
//   SPA_STORE_CONTRACT("disk store", MakeDiskPlace);
//
// A place is where stores of one kind meet: a file, a server. Each case gets a fresh one and opens
// one or more stores on it, as several processes would. Time is real: leases are short, and the
// cases wait for what is to happen.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "cache/store.h"
#include "tests/catch.h"

// CHECK for what awaits: Catch writes an expression down twice, and g++ 12 awaits the second, too.
#define CHECK_AWAITED(...)                             \
  do {                                                 \
    const bool holds = static_cast<bool>(__VA_ARGS__); \
    INFO(#__VA_ARGS__);                                \
    CHECK(holds);                                      \
  } while (false)

namespace spa::testing {

struct StorePlace {
  StorePlace() = default;
  std::function<std::unique_ptr<Store>(asio::any_io_executor, StoreOptions)> make;
  std::string url;             // As cache.l2, for store_child in other processes.
  std::shared_ptr<void> keep;  // What must live as long: a folder, a server.
};
using MakePlace = StorePlace (*)();

}  // namespace spa::testing

// clang-format off
#define SPA_STORE_CONTRACT_CASES(X, label, place)                                                       \
  X(label, place, EntriesComeBack, "what was put comes back in order", "[S1-04][S3-14]")                \
  X(label, place, FencesGrow, "every write gets a greater fence, also after an erase", "[S3-43]")       \
  X(label, place, PutConditions, "a put keeps its condition", "[S3-23][S3-24]")                         \
  X(label, place, ExpiredIsGone, "what has expired is not returned", "[S4-08]")                         \
  X(label, place, EraseCounts, "erase says how many were there", "[S3-15][S3-22]")                      \
  X(label, place, OneLease, "one caller gets the lease and fills for all", "[S3-69][S3-71]")            \
  X(label, place, LateFiller, "a write or an erase shuts a late filler out", "[S3-69]")                 \
  X(label, place, LeaseEnds, "a lease ends by itself", "[S3-69]")                                       \
  X(label, place, LeaseRenewed, "a renewed lease lasts and a released one is free", "[S3-69]")          \
  X(label, place, ManyAskForALease, "of two hundred askers one gets the lease", "[S3-69][S3-71]")       \
  X(label, place, CompareAndSet, "counting by fence loses nothing between tasks", "[S3-19][S3-43]")     \
  X(label, place, ScanByGlob, "a scan finds all that match and no others", "[S1-07]")                   \
  X(label, place, TagsAndStamps, "tags name keys and stamps only grow", "[S3-28][S3-50][S3-74]")        \
  X(label, place, CountersAdd, "counters add up over stores", "[S0-17]")                                \
  X(label, place, ClearIsOwn, "clear empties its own namespace alone", "[S3-16]")                       \
  X(label, place, HearsOthers, "others' changes are heard and own ones are not", "[S3-44]")             \
  X(label, place, TellsOfItself, "it tells of itself", "[S3-75]")                                       \
  X(label, place, ClosedAndReopened, "a closed store is unreachable and a reopened one remembers",      \
    "[S1-19][S1-20]")                                                                                   \
  X(label, place, EightProcessesOneLoad, "eight processes share one load", "[S3-71]")                   \
  X(label, place, FourProcessesCount, "four processes count without losing", "[S3-19][S3-72]")          \
  X(label, place, HolderKilled, "a killed holder's lease passes on", "[S3-69]")

#define SPA_STORE_CONTRACT_TEST(label, place, name, sentence, tags)          \
  TEST_CASE(label ": " sentence, "[cache][store][S3-44][S3-83]" tags) {      \
    spa::testing::contract::name(place);                                     \
  }
#define SPA_STORE_CONTRACT_DECLARATION(label, place, name, sentence, tags) void name(MakePlace make);
// clang-format on

namespace spa::testing::contract {
SPA_STORE_CONTRACT_CASES(SPA_STORE_CONTRACT_DECLARATION, "", )
}  // namespace spa::testing::contract

#define SPA_STORE_CONTRACT(label, place) \
  SPA_STORE_CONTRACT_CASES(SPA_STORE_CONTRACT_TEST, label, place) static_assert(true)
