package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SearchHeapTest {
  private static final long LIMIT = 1536L << 20;

  @Test
  void onlyASmallSearchKeepsFreedArrays() {
    assertTrue(SearchHeap.keeps("small", LIMIT));
    assertFalse(SearchHeap.keeps("small", LIMIT + 1));
    assertFalse(SearchHeap.keeps("", 1), "the user chose, or another process searches");
  }
}
