package io.calm.settings;

import java.nio.file.Path;

/**
 * Settings of the loading of a model.
 *
 * @param enabled whether DJL Serving uses this engine for the model
 * @param baseline the uniform plan that the served one is compared with
 * @param memoryCheck whether a model that is estimated not to fit in memory is refused
 * @param tokenizerProbe when a tokenizer is first opened in a child process
 * @param cacheDir directory of the artifacts
 * @param warmStart what answers requests during a search
 * @param warmUp whether a model is warmed up before it is ready
 */
public record LoadSettings(
    boolean enabled,
    BaselineChoice baseline,
    boolean memoryCheck,
    TokenizerProbing tokenizerProbe,
    Path cacheDir,
    WarmStart warmStart,
    boolean warmUp) {}
