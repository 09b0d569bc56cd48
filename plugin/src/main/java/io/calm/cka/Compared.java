package io.calm.cka;

/** A candidate beside its reference: the statistics, or the reason why there are none. */
sealed interface Compared permits Comparison, Score.Undefined {}
