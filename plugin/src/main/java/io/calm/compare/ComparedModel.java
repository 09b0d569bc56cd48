package io.calm.compare;

import io.calm.kernels.MachineInfo;
import java.util.Optional;

/**
 * A model that is compared with its uniform twin.
 *
 * @param artifact id of the served artifact
 * @param machine empty if nothing is compared
 * @param threads threads of the decoder
 * @param weights memory of its weights, a value of {@code calm.weights}
 */
public record ComparedModel(
    String model,
    String variant,
    String artifact,
    Optional<MachineInfo> machine,
    int threads,
    String weights) {}
