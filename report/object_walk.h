// ObjectWalk: the objects of one run in the order of all exports: sites by URL, each followed by
// its libraries and lists by URL, each followed by its items by Graph id.
//
// Threads: one. Lifetime: within its Database. Memory: flat.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sqlite.h"
#include "core/store/audit_store.h"
#include "core/store/coverage.h"

namespace spa {

struct WalkedObject {  // Text is valid until the next one.
  WalkedObject() = default;
  Oid oid = 0, parent = 0, scope = 0;
  Oid owner = 0;  // Whose permissions apply.
  ObjectType type = ObjectType::kSite;
  std::string_view id, url, site_url, name, modified, method;
  std::optional<std::int64_t> size;
};

class ObjectWalk {
 public:
  ObjectWalk(sqlite::Database& db, RunNo run);

  // `owners_only`: of a library's items only those that own a scope. `use` returns false to stop.
  void Run(bool owners_only, const std::function<bool(const WalkedObject&)>& use);

  // What an object is called outside (a library by its root item's id); empty for 0.
  const std::string& IdOf(Oid oid);
  Coverage& coverage() { return coverage_; }

 private:
  struct Remembered {
    Remembered() = default;
    Oid oid = 0;
    std::string text;
  };
  bool Items(Oid library, bool owners_only, WalkedObject& item,
             const std::function<bool(const WalkedObject&)>& use);
  const std::string& UrlOf(Oid folder);

  sqlite::Database& db_;
  RunNo run_;
  Coverage coverage_;
  sqlite::Statement id_, url_;
  std::vector<Remembered> ids_, urls_;
};

}  // namespace spa
