package io.calm.search;

import io.calm.model.LinearRole;
import io.calm.model.WeightSource;
import io.calm.quant.Compute;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.QuantizedMatrix;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * The inputs of a search beside the calibration.
 *
 * @param torch the engine of the full-precision forwards; not closed by the search
 * @param weights the full-precision model
 * @param sourceCodes the linears of a block that the checkpoint stores as W4A8 codes; may be empty
 * @param settings settings of the search
 * @param compute threads and kernels of the quantizers; not closed by the search
 */
public record SearchInputs(
    TorchRuntime torch,
    WeightSource weights,
    IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes,
    SearchSettings settings,
    Compute compute) {}
