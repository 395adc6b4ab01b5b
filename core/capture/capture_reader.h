// CaptureReader: gives the answers of a capture in the network's place.
//
// A question that was asked several times gets its answers in the order in which they came; when
// they are used up, the last one again: a run may ask once what another asked twice. Only an answer
// that said "later" (429, 503) is not repeated. A batch is answered part by part, however its parts
// were put together when they were recorded.
//
// Threads: one at a time. Errors of Open: kUsage. Answer: kStorage, where the capture does not hold
// the answer or is damaged, which must end the run; what the network failed with when it was
// recorded otherwise.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/capture/capture.h"

namespace spa {

class CaptureReader {
 public:
  static Result<std::unique_ptr<CaptureReader>> Open(std::string directory);

  const CaptureHead& head() const { return head_; }
  Result<HttpResponse> Answer(const HttpRequest& request);

 private:
  struct Track {                       // The answers to one question.
    std::vector<std::uint64_t> lines;  // Where they stand in the file.
    std::size_t next = 0;
    bool none = false;  // No answer is known.
  };
  struct Line;

  CaptureReader(std::string directory, CaptureHead head);
  Status Index();
  Result<Line> Next(const std::string& method, const std::string& url, std::string_view prefer);
  Result<Line> ReadLine(std::uint64_t at);
  Result<std::string> ReadBody(const std::string& hash);
  Result<HttpResponse> AnswerBatch(const HttpRequest& request);
  tl::unexpected<Error> Damaged(const std::string& what) const;

  const std::string directory_;
  const CaptureHead head_;
  std::ifstream exchanges_;
  std::unordered_map<std::string, Track> tracks_;
};

}  // namespace spa
