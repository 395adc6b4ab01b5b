// Eviction: which entry of a shard goes when room is needed.
//
// New entries pass through a small first-in-first-out window, a tenth of all. An entry that leaves
// the window duels with the next victim of the main queue, which is swept by SIEVE's hand: the one
// that was asked for more often lately (FrequencySketch) stays. The window serves recency, the duel
// keeps scans and loops larger than the cache from flushing it: no trace known scores near zero
// (cache.md B.2 has the figures against LRU, SIEVE, ARC and S3-FIFO).
//
// A hit moves nothing: it only counts.
//
// Threads: Asked and Touch from any; everything else under the shard's mutex.
// Lifetime: nodes belong to the store, which unlinks them here before it lets go of them.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>

#include "cache/fingerprint.h"
#include "cache/frequency_sketch.h"

namespace spa {

class Eviction {
 public:
  // What a stored thing derives from.
  class Node : public boost::intrusive::list_base_hook<> {
   public:
    explicit Node(const Fingerprint& print) : print_(print) {}
    // Counts a hit, up to three: sweeps the hand passes before the node falls.
    void Touch();

   private:
    friend class Eviction;
    Fingerprint print_;
    std::atomic<std::uint8_t> uses_{0};
    bool in_window_ = true;
  };

  explicit Eviction(std::size_t entries) : sketch_(entries) {}

  // Somebody asked for the key, whether it was there or not.
  void Asked(const Fingerprint& print) { sketch_.Record(print); }

  void Add(Node& node);
  void Remove(Node& node);
  // Unlinks and returns the node to give up, never `keep`; nullptr where there is no other.
  Node* PickVictim(const Node* keep);
  // To be called after adding, when nothing more has to go: lets the window overflow into main.
  void Settle();

 private:
  using Queue = boost::intrusive::list<Node>;

  bool WindowOverfull() const;
  void Promote();
  Node* NextInMain();

  FrequencySketch sketch_;
  Queue window_;  // Newest at the front.
  Queue main_;    // Newest at the front; the hand walks from back to front.
  Queue::iterator hand_ = main_.end();
};

}  // namespace spa
