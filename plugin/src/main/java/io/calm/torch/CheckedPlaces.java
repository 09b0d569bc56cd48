package io.calm.torch;

import io.calm.model.LinearRole;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.runtime.StepFailedException;
import io.calm.runtime.StepFailures;
import io.calm.runtime.WeightCheck;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The places whose numbers a decoder program checks: the scales of every stage's activation, and
 * the keys and values of every block. A number that is not finite reaches one of them.
 */
final class CheckedPlaces {
  /** Name of the place of each checked number of a row. */
  private final List<String> places = new ArrayList<>();

  /** Number of places that matter to a row without logits: those up to the last attention. */
  private int placesWithoutLogits;

  CheckedPlaces(QuantizedModel model) {
    for (int layer = 0; layer < model.blocks().size(); layer++) {
      for (Stage stage : Stage.values()) {
        String linears =
            stage.linears().stream().map(LinearRole::name).collect(Collectors.joining(", "));
        int inputs = model.spec().inputs(stage);
        int group = WeightCheck.group(model, stage);
        add("block %d, linear %s".formatted(layer, linears), groups(inputs, group));
        if (stage == Stage.ATTENTION_IN) {
          add("block %d, keys and values".formatted(layer), 1);
        }
        if (stage == Stage.ATTENTION_OUT) {
          placesWithoutLogits = places.size();
        }
      }
    }
  }

  private static int groups(int inputs, int group) {
    return QuantizedLinear.paddedInputs(inputs, group) / group;
  }

  private void add(String place, int count) {
    for (int i = 0; i < count; i++) {
      places.add(place);
    }
  }

  /**
   * Returns the failure of a pass; empty if nothing depends on the numbers that are not finite.
   *
   * @param checked the checked numbers, [rows][places]
   * @param chunks chunk of each row
   * @param logits whether the logits of each row are wanted
   */
  Optional<StepFailedException> failure(float[] checked, int[] chunks, boolean[] logits) {
    Set<Integer> failed = new HashSet<>();
    int first = places.size();
    for (int row = 0; row < chunks.length; row++) {
      int used = logits[row] ? places.size() : placesWithoutLogits;
      for (int i = 0; i < used; i++) {
        if (!Float.isFinite(checked[row * places.size() + i])) {
          failed.add(chunks[row]);
          first = Math.min(first, i);
          break;
        }
      }
    }
    return failed.isEmpty()
        ? Optional.empty()
        : Optional.of(StepFailures.failure(places.get(first), failed));
  }
}
