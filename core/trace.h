// Trace: one id that joins what a run did: the command, the loads of its cache, its HTTP calls.
//
// A process has one trace, like it has one log. Every HTTP call carries it (W3C Trace Context:
// `traceparent`), whether or not anything is written. With a file, each span that ends is a line of
// it, in the JSON form of OTLP: a collector's otlpjsonfile receiver reads it as it is. All spans
// are children of the command's: loads share batches, so that a call belongs to many of them.
//
// Names and paths only: no query of a URL, no header, no body, so that no secret can be among them.
//
// Threads: any. Errors: writing never fails its caller and never throws.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace spa::trace {

enum class SpanKind { kInternal = 1, kClient = 3 };  // As OTLP numbers them.

struct Span {
  explicit Span(std::string name, SpanKind kind = SpanKind::kInternal);

  std::string id;  // 16 hex digits
  std::string name;
  SpanKind kind;
  std::chrono::system_clock::time_point began;
  std::vector<std::pair<std::string_view, std::string>> attributes;
  bool failed = false;
};

// 32 hex digits, the same as long as the process lives.
const std::string& Id();
// The header's value that makes a call a part of this span: "00-ID-SPAN-01".
std::string ParentHeader(const Span& span);

// Spans go to this file from now on: appended, 0600, its directory 0700. Empty: nowhere. kUsage
// where it cannot be opened.
Status Open(const std::string& file);
bool Writing() noexcept;

// The span has ended, now or after `took`. Nothing where no file is open.
void Write(const Span& span) noexcept;
void Write(const Span& span, std::chrono::nanoseconds took) noexcept;
// The command has ended: the span that all others are children of, since the process began.
void WriteCommand(std::string_view name, int exit_code) noexcept;

// One line, without newline. `parent` empty: the root.
std::string Render(const Span& span, std::string_view parent, std::chrono::nanoseconds took);

}  // namespace spa::trace
