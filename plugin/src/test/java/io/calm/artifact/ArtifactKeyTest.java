package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class ArtifactKeyTest {

  @Test
  void everyPartAndItsPlaceMatter() {
    List<ArtifactKey> keys =
        List.of(
            new ArtifactKey(List.of("a"), "b", "c"),
            new ArtifactKey(List.of("b"), "a", "c"),
            new ArtifactKey(List.of("a", "b"), "c", ""),
            new ArtifactKey(List.of("b", "a"), "c", ""),
            new ArtifactKey(List.of("ab"), "c", ""),
            new ArtifactKey(List.of("a"), "bc", ""),
            new ArtifactKey(List.of("a"), "", "bc"),
            new ArtifactKey(List.of("a"), "c", "b"),
            new ArtifactKey(List.of("a"), "1:b", "c"));
    Set<String> ids = new HashSet<>();
    keys.forEach(key -> ids.add(key.id()));
    assertEquals(keys.size(), ids.size());
  }

  /** SHA-256 of {@code 1:3} {@code 1:1} {@code 1:a} {@code 1:b} {@code 1:c}, by sha256sum. */
  @Test
  void theNameIsStable() {
    assertEquals(
        "82d2ac70eccb6edea85fc5337affdcabcc0df227a972578fa902644be214199a",
        new ArtifactKey(List.of("a"), "b", "c").id());
  }

  @Test
  void aModelHasFiles() {
    assertThrows(IllegalArgumentException.class, () -> new ArtifactKey(List.of(), "", ""));
  }
}
