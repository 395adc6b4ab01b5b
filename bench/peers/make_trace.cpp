// cache-trace NAME KEYS LENGTH FILE: writes a trace (bench/traces.h) for all peers to read.
#include <fmt/format.h>

#include "bench/traces.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  spa::TraceShape shape;
  shape.keys = std::stoul(argv[2]);
  shape.length = std::stoul(argv[3]);
  const auto trace = spa::MakeTrace(argv[1], shape);
  const auto written =
      trace ? spa::WriteTrace(*trace, 200, argv[4]) : spa::Status(spa::Fail(trace.error()));
  if (!written) return fmt::print(stderr, "{}\n", written.error().message), 1;
}
