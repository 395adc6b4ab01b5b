// The arrangements of levels that the suites run over. A store joins in by a row.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/encoding.h"
#include "tests/cache/mem2_store.h"

namespace spa::testing {

// Where one arrangement keeps its second level; each case gets a fresh one.
struct CachePlace {
  CachePlace() = default;
  std::string url = "none";    // As cache.l2.
  std::shared_ptr<void> keep;  // What must live as long: a folder, a server.
};

struct CacheArrangement {
  std::string name;
  std::function<CachePlace()> make;
};

inline const std::vector<CacheArrangement>& CacheArrangements() {
  static const std::vector<CacheArrangement> all = {
      {"memory alone", [] { return CachePlace(); }},
      {"two levels, a plug-in store",
       [] {
         Mem2Store::Register();
         CachePlace place;
         place.url = "mem2:" + NewGuid();
         return place;
       }},
      {"two levels, disk",
       [] {
         struct Folder {
           std::filesystem::path path = std::filesystem::temp_directory_path() / NewGuid();
           ~Folder() { std::filesystem::remove_all(path); }
         };
         auto folder = std::make_shared<Folder>();
         CachePlace place;
         place.url = "disk:" + (folder->path / "cache.db").string();
         place.keep = std::move(folder);
         return place;
       }},
  };
  return all;
}

}  // namespace spa::testing
