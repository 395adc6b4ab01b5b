// Pseudonyms: other words for the names in what a tenant answers, the same word each time, so that
// a capture can be given away and still be replayed.
//
// Every word of every text is replaced by a keyed hash of it; the key is drawn when this is made
// and never written. What stays: ids, numbers and dates, what stands between words, and what the
// audit goes by: claim prefixes, SharingLinks titles, "#EXT#", "_o", file extensions, the built-in
// permission levels, "sharepoint.com" with "-my" and "-admin", the paths of the interfaces. An id
// that spells a login (base64url) spells the other one.
// A URL is replaced word by word, too, encoded or not: what the audit builds from an answer is
// what it built when it was recorded.
//
// What is not known to be harmless is replaced. A body that is no JSON comes out empty.
//
// Threads: any. Errors: none.
#pragma once

#include <string>
#include <string_view>

namespace spa {

class Pseudonyms {
 public:
  // `tenant_id`: a GUID, by which anybody could look up whose tenant it is; it becomes another.
  Pseudonyms(std::string_view graph_base_url, std::string_view tenant_id);
  ~Pseudonyms();

  std::string Text(std::string_view text) const;  // A name, a mail address, a login.
  std::string Url(std::string_view url) const;    // Absolute, or "/sites/…".
  std::string Body(std::string_view body) const;  // Of an answer: JSON.

 private:
  struct Manner;
  std::string Word(std::string_view word) const;
  std::string Words(std::string_view text, const Manner& manner) const;
  std::string Host(std::string_view host) const;
  std::string Path(std::string_view path, bool encoded) const;
  std::string Query(std::string_view query) const;
  std::string GraphPath(std::string_view path) const;
  std::string RestPath(std::string_view path) const;
  std::string Login(std::string_view claim) const;
  std::string Id(std::string_view id) const;
  std::string Level(std::string_view name) const;
  std::string Value(std::string_view key, std::string_view text) const;

  std::string_view Guid(std::string_view guid) const;

  std::string graph_;                  // Without the slash at its end.
  std::string tenant_, other_tenant_;  // tenant_ in lower case
  std::string key_;
};

}  // namespace spa
