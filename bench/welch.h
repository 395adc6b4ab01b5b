// WelchT: do two samples have the same mean? The difference of their means in standard errors.
//
// Threads: one.
#pragma once

#include <cmath>

namespace spa {

class Moments {
 public:
  void Add(double value) {
    ++count_;
    const double step = value - mean_;
    mean_ += step / count_;
    squares_ += step * (value - mean_);
  }
  double mean() const { return mean_; }
  // Of the mean, squared. Two values at least.
  double error() const { return squares_ / (count_ - 1) / count_; }

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;
};

inline double WelchT(const Moments& a, const Moments& b) {
  return (a.mean() - b.mean()) / std::sqrt(a.error() + b.error());
}

}  // namespace spa
