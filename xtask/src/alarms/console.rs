//! Alarms of the console: attempts to guess a password.

use crate::alarm::{Alarm, at_least, outcomes, text};

pub(super) fn alarms() -> Vec<Alarm> {
    vec![locked()]
}

fn locked() -> Alarm {
    Alarm {
        name: "console-locked".to_owned(),
        comment: "A person who mistypes a password five times in a row raises it, too.",
        when: at_least(1, outcomes("console", "refused").by("reason", "locked")),
        means: text(
            "Five or more sign-ins to the console have failed in a row for one name or from one address, which is locked \
             for a while.",
            "控制台的某个用户名或某个地址连续五次以上登录失败，已被暂时锁定。",
        ),
        to_do: text(
            "The access log has the addresses ([who sends](#who-sends)). Ask the operators whether it was one of them. A \
             name with a password and a code is not guessed within the lock; `operator revoke` ends its sessions if in \
             doubt ([console](console.md)).",
            "访问日志中有来源地址（[谁在发送](#谁在发送)）。先问是不是自己人。有密码和验证码，锁定期内猜不中；若有疑问，\
             用 `operator revoke` 结束其会话（[控制台](console.zh.md)）。",
        ),
    }
}
