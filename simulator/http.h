// The HTTP words of the simulator: a request as the routes read it, an answer as they write it.
// Sockets are server.cpp's business alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spa::sim {

std::string PercentDecode(std::string_view text, bool plus_is_space = false);
std::string PercentEncode(std::string_view text);
// "a=1&b=2" with decoded names and values; names in lower case.
std::map<std::string, std::string> ParseQuery(std::string_view text, bool plus_is_space = false);

struct Request {
  std::string method = "GET";
  std::string target;  // as on the wire: path and query
  std::string path;    // before the '?', still encoded
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string scheme = "http";
  bool in_batch = false;

  Request() = default;
  // Fills path and query from the target.
  Request(std::string method, std::string target);

  std::string_view Header(const std::string& lower_name) const;
  std::string_view Query(const std::string& lower_name) const;
  bool HasQuery(const std::string& lower_name) const { return query.count(lower_name) > 0; }
  // "http://127.0.0.1:8080", as the client asked it.
  std::string Origin() const;
  // The query without leading '?', as it came.
  std::string_view RawQuery() const;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// Which service's rules, prices and limits a route belongs to.
enum class Family { kControl, kLogin, kGraph, kDirectory, kSharePoint };

struct Response {
  int status = 200;
  Headers headers;
  std::string content_type = "application/json";
  std::string body;
  // Set for answers too long to hold: appends the next piece, false when nothing is left.
  std::function<bool(std::string&)> stream;

  // What the traffic rules need to know.
  Family family = Family::kGraph;
  const char* route = "unknown";
  int units = 0;  // graph.md 6.1 for Graph, 6.2 for the directory
  int batch_parts = 0;
  std::vector<std::string> part_waits;  // parts of it that were told to wait

  // Faults to act out on the socket.
  int delay_ms = 0;
  int piece_delay_ms = 0;  // between pieces of the body
  enum class Reset { kNone, kBefore, kInBody } reset = Reset::kNone;
};

std::string HttpDate(long seconds_since_epoch);
// "2026-11-20T08:20:11", now.
std::string TimeStamp();

}  // namespace spa::sim
