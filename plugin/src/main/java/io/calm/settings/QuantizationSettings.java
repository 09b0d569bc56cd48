package io.calm.settings;

import io.calm.model.ActivationMode;
import io.calm.quant.AlgorithmName;
import io.calm.tensor.TableFormat;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/**
 * Settings that determine the quantized model. A change of one of them makes another artifact.
 *
 * @param group maximum number of inputs that share a scale; empty: chosen by the checkpoint
 * @param activation granularity of the int8 activation scales
 * @param lmHead format of lm_head and embeddings; empty: embeddings int8, and lm_head int4 where
 *     that costs little accuracy, else int8
 * @param plan choice of the algorithms
 * @param calibration calibration tokens
 */
public record QuantizationSettings(
    OptionalInt group,
    ActivationMode activation,
    Optional<TableFormat> lmHead,
    PlanSettings plan,
    CalibrationSettings calibration) {

  /**
   * Returns the settings as text, one {@code key=value} per line in a fixed order. The text is part
   * of the artifact's key.
   *
   * <p>The effort of the search appears as its number of samples, or {@code up-to} that number if a
   * calibration file may have fewer: its bytes determine how many it has. Metric and granularity
   * appear resolved. {@code auto} is otherwise not resolved, because the checkpoint's bytes and the
   * version of the quantization code determine its meaning. A calibration file appears as {@code
   * file} or {@code json-lines}: the key contains its bytes beside this text, and its name matters
   * only as far as it tells how they are read.
   */
  public String resultKey() {
    return String.join(
        "\n",
        line(SettingKeys.GROUP, group.isPresent() ? Integer.toString(group.getAsInt()) : "auto"),
        line(SettingKeys.ACTIVATION, activation.setting()),
        line(SettingKeys.ALGORITHM, plan.algorithm().map(AlgorithmName::text).orElse("search")),
        line(SettingKeys.POOL, plan.pool().isEmpty() ? "auto" : poolText()),
        line(SettingKeys.METRIC, plan.metric().setting()),
        line(SettingKeys.GRANULARITY, plan.granularity().setting()),
        line(SettingKeys.REFERENCE, plan.reference().setting()),
        line(SettingKeys.SINK_THRESHOLD, Double.toString(plan.sinkThreshold())),
        line(SettingKeys.GUARD, Boolean.toString(plan.guard())),
        line(SettingKeys.CALIBRATION, calibration.sourceInKey()),
        line(SettingKeys.EFFORT, calibration.effort().setting()),
        line(SettingKeys.CALIBRATION_SAMPLES, calibration.samplesInKey()),
        line(SettingKeys.CALIBRATION_LENGTH, Integer.toString(calibration.length())),
        line(SettingKeys.CALIBRATION_SEED, Long.toString(calibration.seed())),
        line(SettingKeys.LM_HEAD, lmHead.map(TableFormat::setting).orElse("auto")));
  }

  private String poolText() {
    return plan.pool().stream().map(AlgorithmName::text).collect(Collectors.joining(","));
  }

  private static String line(SettingKey<?> key, String value) {
    return key.name() + "=" + value;
  }
}
