package io.calm.quant;

import io.calm.model.LinearRole;
import io.calm.tensor.QuantizedMatrix;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The quantized linears of one stage.
 *
 * @param linears every linear of the stage, fold included
 * @param scales [channels] of the fold in front of the stage; empty if the algorithm has no fold
 * @param detail findings for people to read, e.g. chosen exponents
 */
public record StageResult(
    Map<LinearRole, QuantizedMatrix> linears,
    Optional<float[]> scales,
    Map<String, String> detail) {
  public StageResult {
    linears = Collections.unmodifiableMap(new EnumMap<>(linears));
    detail = Collections.unmodifiableMap(new LinkedHashMap<>(detail));
  }
}
