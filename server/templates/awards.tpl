{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{T_AWARDS_TITLE}}</h1>
<p class="lead">{{T_AWARDS_LEAD}}</p>
<form class="search" method="get" action="/awards" role="search">{{#LANG_CHOSEN}}<input type="hidden" name="lang" value="{{LANG_FIELD}}">{{/LANG_CHOSEN}}<label for="q">{{T_AWARDS_SEARCH}}</label><input id="q" name="q" type="search" value="{{QUERY}}" maxlength="60"><button type="submit">{{T_AWARDS_SEARCH_BUTTON}}</button></form>
{{#NO_AWARDS}}<p class="empty">{{T_AWARDS_NONE}}</p>{{/NO_AWARDS}}
{{#HAS_AWARDS}}<table class="cards">
<caption>{{T_AWARDS_TITLE}}</caption>
<thead><tr><th scope="col">{{T_AWARD_NUMBER}}</th><th scope="col">{{T_AWARD_TITLE}}</th><th scope="col">{{T_AWARD_ORG}}</th><th scope="col">{{T_AWARD_GRANTED}}</th><th scope="col">{{T_AWARD_ENDS}}</th><th scope="col">{{T_AWARD_CHECKS}}</th><th scope="col">{{T_AWARD_STATUS}}</th></tr></thead>
<tbody>
{{#AWARD}}<tr><th scope="row" class="num">{{NUMBER}}</th><td data-label="{{T_AWARD_TITLE}}">{{NAME}}</td><td data-label="{{T_AWARD_ORG}}">{{ORG}}</td><td data-label="{{T_AWARD_GRANTED}}" class="num">{{GRANTED}}</td><td data-label="{{T_AWARD_ENDS}}" class="num">{{ENDS}}</td><td data-label="{{T_AWARD_CHECKS}}">{{CHECKS}}</td><td data-label="{{T_AWARD_STATUS}}"><span class="badge {{STATUS_CLASS}}">{{STATUS}}</span>{{#HAS_CERTIFICATE}} <a href="{{CERTIFICATE}}">{{T_AWARD_CERTIFICATE}}</a>{{/HAS_CERTIFICATE}}</td></tr>
{{/AWARD}}</tbody>
</table>{{/HAS_AWARDS}}
{{#NEXT}}<p class="pager"><a rel="next" href="{{NEXT_URL}}">{{T_NEXT_PAGE}}</a></p>{{/NEXT}}
{{>BOTTOM}}
