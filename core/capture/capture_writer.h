// CaptureWriter: keeps a run's answers in a directory as they come (core/capture/capture.h says
// how).
//
// Of a request: method, URL and Prefer, never a token. Of an answer: status, body, and the headers
// that mean something to whoever asked. What got no whole answer is kept as such. A batch that came
// to nothing (throttled, cut off) leaves a line "none" for each of its parts: it was asked.
//
// Pseudonymised: every text goes through Pseudonyms first (core/capture/pseudonyms.h).
//
// Threads: any. Errors: kStorage; a capture that lacks an answer is of no use, so the run must end.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "core/capture/capture.h"
#include "core/capture/pseudonyms.h"

namespace spa {

class CaptureWriter {
 public:
  // `directory` is made, or is empty: kUsage. With `pseudonyms` nothing is written that they have
  // not replaced.
  static Result<std::unique_ptr<CaptureWriter>> Create(std::string directory,
                                                       std::unique_ptr<Pseudonyms> pseudonyms);
  ~CaptureWriter();

  // Before the first answer and, with the end filled in, once more. Without it nothing is left of
  // the directory.
  Status PutHead(CaptureHead head);
  Status Record(const HttpRequest& request, const Result<HttpResponse>& answer);

 private:
  CaptureWriter(std::string directory, int exchanges, std::unique_ptr<Pseudonyms> pseudonyms);
  struct Line;
  Status RecordBatch(const HttpRequest& request, const Result<HttpResponse>& answer);
  Status Append(Line line);
  Result<std::string> KeepBody(std::string_view body);  // Its hash.

  const std::string directory_;
  const int exchanges_;  // The open file, written at its end.
  const std::unique_ptr<Pseudonyms> pseudonyms_;
  bool begun_ = false;
  std::mutex mutex_;
  std::unordered_set<std::string> kept_;  // Hashes of bodies.
};

}  // namespace spa
