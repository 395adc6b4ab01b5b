// A capture: what Graph and SharePoint answered in one run, in a directory, so that the run can be
// gone through again without them (docs/capture.md).
//
//   capture.json       the head: which run, and the settings that decide what it asked for
//   exchanges.jsonl    one line an answer, in the order in which they came
//   bodies/HH/HASH.zst the bodies, each once, by the SHA-256 of their text, compressed
//
// An answer belongs to the question: method, URL and Prefer. The parts of a batch are questions of
// their own, because which reads travel together depends on time. Sign-in is no part of a capture.
//
// Files are for their owner alone (0600, directories 0700).
#pragma once

#include <string>
#include <string_view>

#include "core/config/config.h"
#include "core/http/http_client.h"
#include "core/result.h"

namespace spa {

struct CaptureHead {
  CaptureHead() = default;
  std::string run_id, started_at;
  std::string finished_at;      // Empty: the run did not come to its end.
  double duration_seconds = 0;  // of the whole run
  bool pseudonymised = false;
  bool sharepoint = false;  // SharePoint's own interface listened to the credential.
  // What decides which questions are asked: tenant, sites, discovery, permissions. The rest is as
  // it comes.
  Config settings;
};

namespace capture {

inline constexpr char kHead[] = "capture.json";
inline constexpr char kExchanges[] = "exchanges.jsonl";

Result<CaptureHead> ParseHead(const std::string& text);
std::string ToJson(const CaptureHead& head);

// The question that an answer is kept under.
std::string Question(std::string_view method, std::string_view url, std::string_view prefer);
// The path of a body below the capture's directory.
std::string BodyPath(std::string_view hash);
std::string Sha256Hex(std::string_view text);
bool IsBatch(const HttpRequest& request);
// The URL below which the parts of a batch lie: "https://graph.microsoft.com/v1.0".
std::string BatchBase(const HttpRequest& request);

}  // namespace capture
}  // namespace spa
