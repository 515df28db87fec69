"""How the articles, searches and reviews of the Chinese demo world are written. It knows words, no people."""

from simulations.datasets.demo_texts import Grammar

_OPENINGS = (
    *("一件小事", "一本旧笔记", "一个固执的下午", "借来的工具", "读者来信", "走错的一步"),
    *("迟来的开始", "第二次尝试", "外婆的忠告", "绕远的路", "不大的计划", "老实的错误"),
)
_ENDINGS = (
    *("改变了我的一周", "和后来的故事", "没人提醒过我", "值得留下", "至今还会想起"),
    *("分三课讲完", "花了我一个月", "慢慢道来", "听老手讲讲", "写给着急的人"),
)

CHINESE = Grammar(
    topics_file="demo_topics_zh.toml",
    clear_titles=(
        "{setting}{deed}",
        "{things}教会我的耐心",
        "{things}悄悄回来了",
        "{setting}遇见{things}",
        "{deed}：入门笔记",
        "关于{things}的五个误区",
        "为什么{things}值得花时间",
        "{deed}：七天日记",
        "{things}礼赞",
        "{setting}与{things}相处一小时",
        "我们怎样爱上了{deed}",
        "{setting}{deed}的理由",
    ),
    oblique_titles=tuple(f"{opening}，{ending}" for opening in _OPENINGS for ending in _ENDINGS),
    bodies=(
        "从{things}说起，以{deed}收尾。",
        "作者花了一个季节，{setting}{deed}。",
        "常有读者问起{things}，这里用一页纸回答。",
        "{things}没有看上去那么贵，{deed}也没有听起来那么难。",
        "没有人打算{setting}{deed}，可是很多人最后都这样做了。",
        "一次关于{things}的谈话，附上值得先试的清单。",
        "我们比较了几种{things}，说说哪些经得起时间。",
        "一半写{deed}，一半写路上遇到的人。",
    ),
    closings=(
        "",
        "附照片。",
        "十分钟读完。",
        "下周刊登第二部分。",
        "喜欢{elsewhere}的读者，结尾有惊喜。",
        "只关心{elsewhere}的邻居不同意。",
    ),
    blank="",
    stop="。",
    beginning="入门",
    reviews=(
        ("看不下去，和{things}没什么关系。", "太浅了，{deed}不是这样的。"),
        ("还可以，{things}讲得清楚。", "中规中矩，{deed}的部分有用。"),
        ("写得真好，我也想{deed}！", "{things}写得细致，收藏了。", "看完马上就想{setting}{deed}。"),
    ),
)
