// TenantFigures: how much there is to ask a tenant for, as far as that decides what an audit costs.
//
// Two sources: a finished run knows all of it; a first look at sites and lists knows the first half
// and leaves the rest to be assumed (report/forecast.h). Plain data; counts of things, not of
// calls, but for the pages, which add up differently for many small libraries and one large one.
#pragma once

#include <cstdint>

namespace spa {

struct TenantFigures {
  TenantFigures() = default;

  std::int64_t sites = 0;        // Listed by the tenant, or named by the configuration.
  std::int64_t webs = 0;         // Asked for what stands in them, subsites included.
  std::int64_t open_webs = 0;    // Of these, those that answered;
  std::int64_t collections = 0;  // of these, those that are no subsites,
  std::int64_t owning_webs = 0;  // and those that own a scope.
  std::int64_t libraries = 0;
  std::int64_t owning_libraries = 0;
  std::int64_t library_items = 0;  // Files and folders.
  std::int64_t delta_pages = 0;    // Of all libraries, at 200 items a page.
  std::int64_t flag_pages = 0;     // Of libraries whose owners are found by SharePoint's flags.
  std::int64_t lists = 0;          // Generic ones that are scanned.
  std::int64_t owning_lists = 0;
  std::int64_t list_items = 0;
  std::int64_t list_pages = 0;  // At 2,000 items a page, one at least.

  std::int64_t library_reads = 0;  // Items whose permissions are read by Graph.
  std::int64_t list_reads = 0;     // By SharePoint,
  std::int64_t list_batches = 0;   // up to a hundred of a list together.
  std::int64_t app_grants = 0;     // Of applications to site collections, read one by one.
  std::int64_t groups = 0;         // Reads of directory groups: two for its members, one for its
                                   // owners.
  std::int64_t people = 0;         // Named, and in no group that tells of them.
  std::int64_t changed_reads = 0;  // Of library_reads, those an incremental run made.
  std::int64_t whole_pages = 0;    // Of delta_pages, those of libraries without a delta link.
  std::int64_t whole_libraries = 0;

  std::int64_t database_bytes = 0;

  static constexpr std::int64_t kDeltaPage = 200;  // graph.md 4.2
  static constexpr std::int64_t kListPage = 2000;
  static constexpr std::int64_t kListBatch = 100;
};

}  // namespace spa
