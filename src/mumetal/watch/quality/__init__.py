"""Rules that any datum must keep, whatever it measures; each says what broke it, never changes the data."""

from mumetal.core.ports import PluginInfo
from mumetal.core.registry import Registry
from mumetal.watch.quality import event, series, silence, snapshot

RULES: Registry[PluginInfo] = Registry("quality rule", "mumetal.quality")
for _info in (*series.INFOS, *snapshot.INFOS, *event.INFOS, silence.INFO):
    RULES.add(_info.plugin_id, _info)
